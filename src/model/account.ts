/** Where the bytes are counted that the gateway keeps in memory for a caller: by its key, by where it calls from, and in all. */
export interface Account {
  /** @throws GatewayError memory_limited, which says which of the three is full; nothing is taken then */
  take(bytes: number): void
  /** Takes nothing when one of the three is full. */
  tryTake(bytes: number): boolean
  give(bytes: number): void
}

/** Of what the owner of the gateway does through its own socket. */
export const unlimitedAccount: Account = {
  take: () => undefined,
  tryTake: () => true,
  give: () => undefined,
}

/** What a character of a kept text can cost, with its copies as a name in a table: two bytes each. */
export const textWeight = 8
/** What a byte of a message can cost while it is worked on: itself, and its text in two bytes a character. */
export const messageWeight = 3
