// What the frame says, in the order of `Note` in widget/src/frame.rs (a test compares the names).
// "%" stands for the amount. After a sentence follows the promise that nothing was charged, or who
// was paid.
const UNCHARGED = 1;
const CHARGED = 2;
const NOTES = [
  ["None", ""],
  ["BadTag", "The payment tag on this page has a mistake.", UNCHARGED],
  ["NoPage", "This button works inside a creator's page only.", UNCHARGED],
  ["NoStorage", "Your browser lets this button store nothing. Please pay here:"],
  ["NoWindow", "If a wallet window opened, please continue there. Otherwise pay here:"],
  ["NotForSale", "This is not for sale here.", UNCHARGED],
  ["NotASite", "This page is not registered as one of the creator's sites.", UNCHARGED],
  ["Offline", "No connection to the payment service.", UNCHARGED],
  ["Busy", "The payment service is busy.", UNCHARGED],
  ["PriceChanged", "The price has changed, please look again.", UNCHARGED],
  ["Cancelled", "Cancelled.", UNCHARGED],
  ["NoKey", "Your browser could not sign the payment.", UNCHARGED],
  ["Refused", "The payment was refused.", UNCHARGED],
  ["Lost", "The payment did not arrive.", UNCHARGED],
  ["Misunderstood", "The payment was not understood.", UNCHARGED],
  ["Checking", "Checking your last payment\u2026"],
  ["LastPaid", "Your last payment went through: %."],
  ["LastLost", "Your last payment did not go through.", UNCHARGED],
  ["Paid", "Paid %", CHARGED],
  ["Owned", "Yours already: you paid %", CHARGED],
  ["Thanks", "Thank you! You gave %", CHARGED],
  ["SealedBroken", "Paid, but the content on this page could not be opened."],
];
const SAY = {
  uncharged: " You were not charged.",
  loading: "Loading\u2026",
  retry: "Try again",
  pay: "Pay ",
  give: "Give ",
  again: "Give again: ",
  confirm: "Confirm ",
  confirmWhy: "Please click once more to be sure.",
  to: "to ",
  fee: " \xb7 the provider keeps ",
  demo: " \xb7 demo money",
  amount: "Please enter an amount such as ",
  atMost: ", at most ",
  window: "Please continue in the wallet window.",
  windowLabel: "Show the wallet window",
  paying: "Paying\u2026",
  asking: "No answer yet. Asking again; you are never charged twice.",
  broken: "This button has stopped working.",
};
