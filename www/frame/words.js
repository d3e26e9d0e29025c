// What the frame says, in the order of `Note` in widget/src/frame.rs (a test compares the names). The sentences
// are in www/words/, one file a language: the build puts those of one language in place of their names, with "%0", "%1" for
// the placeholders. After a sentence follows the promise that nothing was charged, or who was paid; or it leads to the link.
const UNCHARGED = 1;
const CHARGED = 2;
const LINK = 3;
const NOTES = [
  ["None", ""],
  ["BadTag", "$BadTag", UNCHARGED],
  ["NoPage", "$NoPage", UNCHARGED],
  ["NoStorage", "$NoStorage", LINK],
  ["NoWindow", "$NoWindow", LINK],
  ["NotForSale", "$NotForSale", UNCHARGED],
  ["NotASite", "$NotASite", UNCHARGED],
  ["Offline", "$Offline", UNCHARGED],
  ["Busy", "$Busy", UNCHARGED],
  ["PriceChanged", "$PriceChanged", UNCHARGED],
  ["Cancelled", "$Cancelled", UNCHARGED],
  ["NoKey", "$NoKey", UNCHARGED],
  ["Refused", "$Refused", UNCHARGED],
  ["Lost", "$Lost", UNCHARGED],
  ["Misunderstood", "$Misunderstood", UNCHARGED],
  ["Checking", "$Checking"],
  ["LastPaid", "$LastPaid"],
  ["LastLost", "$LastLost", UNCHARGED],
  ["Paid", "$Paid", CHARGED],
  ["Owned", "$Owned", CHARGED],
  ["Thanks", "$Thanks", CHARGED],
  ["SealedBroken", "$SealedBroken"],
];
const say = (text, ...values) => text.replace(/%(\d)/g, (_, place) => values[place]);
