// What the frame says, in the order of `Note` in widget/src/frame.rs (a test compares names and numbers). The sentences
// are in www/words/, one file a language: the build puts those of one language in place of their names, with "%0", "%1" for
// the placeholders. After a sentence follows the promise that nothing was charged, or who was paid; or it leads to the link.
const UNCHARGED = 1;
const CHARGED = 2;
const LINK = 3;
const REFUSED = 12;
const THANKS = 20;
const NOTES = [
  [""],
  ["$BadTag", UNCHARGED],
  ["$NoPage", UNCHARGED],
  ["$NoStorage", LINK],
  ["$NoWindow", LINK],
  ["$NotForSale", UNCHARGED],
  ["$NotASite", UNCHARGED],
  ["$Offline", UNCHARGED],
  ["$Busy", UNCHARGED],
  ["$PriceChanged", UNCHARGED],
  ["$Cancelled", UNCHARGED],
  ["$NoKey", UNCHARGED],
  ["$Refused", UNCHARGED],
  ["$Lost", UNCHARGED],
  ["$Misunderstood", UNCHARGED],
  ["$Checking"],
  ["$LastPaid"],
  ["$LastLost", UNCHARGED],
  ["$Paid", CHARGED],
  ["$Owned", CHARGED],
  ["$Thanks", CHARGED],
  ["$SealedBroken"],
];
const say = (text, ...values) => text.replace(/%(\d)/g, (_, place) => values[place]);
