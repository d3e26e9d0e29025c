export interface LoadOptions {
  /** The provider's origin, such as `https://pay.example`. */
  provider: string;
  /** Your creator id, for elements that name none themselves. */
  creator?: string;
  /** A version of the loader: the hash in the provider's `/l/loader.json`. Without it, the newest. */
  version?: string;
  /** Its integrity, from the same file. */
  integrity?: string;
}

/**
 * Adds the provider's script, once; resolves when its elements are defined. Rejects when the provider is no origin, when
 * its script does not load, and when another provider's was asked for on this page before: a page has one.
 */
export function load(options: LoadOptions): Promise<void>;

/** Paid now, or owned already. News, not proof: your totals are on the creator's page. */
export interface PaidDetail {
  /** The item's name; null for a donation. */
  item: string | null;
  /** A decimal of the provider's currency, such as `"0.05"`. */
  amount: string;
  /**
   * The entry's number in the ledger; null when the frame could not speak to the wallet page, and where nothing
   * was bought, since everything is open this month.
   */
  entry: number | null;
  /** The claim that was charged. Null when it was owned before, or paid on the provider's page. */
  claim_id: string | null;
}

/** Not paid: refused, or the visitor changed their mind. Why is told to the visitor alone. */
export interface DeclinedDetail {
  item: string | null;
}

/** What was paid here is given back; a gate has closed again. */
export interface RefundedDetail {
  item: string;
  amount: string;
  /** Of the payment. */
  entry: number;
  /** Null when it was given back elsewhere: in another tab, or on the wallet page. */
  reason: "mistake" | "not_delivered" | null;
}

/** The provider could not be reached, the tag is wrong, or sealed content did not open. */
export interface ErrorDetail {
  item: string | null;
  message: string;
}

interface FarthingElement extends HTMLElement {
  /**
   * What was paid for did not reach the visitor: gives the money back, within the refund window. There once the
   * element's frame is loaded. `paid` is the detail of the payment's `farthing:paid`.
   */
  undelivered?(paid: Pick<PaidDetail, "entry">): void;
}
/** Pays for an item once: attributes `item`, `creator`, `offer`, `title`. */
export interface FarthingPayElement extends FarthingElement {}
/** Shows its sealed content once the item is paid: also `sealed`. */
export interface FarthingGateElement extends FarthingElement {}
/** Asks for a donation: `amount`, `creator`. */
export interface FarthingDonateElement extends FarthingElement {}

declare global {
  interface HTMLElementTagNameMap {
    "farthing-pay": FarthingPayElement;
    "farthing-gate": FarthingGateElement;
    "farthing-donate": FarthingDonateElement;
  }
  interface GlobalEventHandlersEventMap {
    "farthing:paid": CustomEvent<PaidDetail>;
    "farthing:declined": CustomEvent<DeclinedDetail>;
    "farthing:refunded": CustomEvent<RefundedDetail>;
    "farthing:error": CustomEvent<ErrorDetail>;
  }
}
