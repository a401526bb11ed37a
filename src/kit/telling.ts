const telling =
  /authorization|cookie|token|secret|password|passwd|passphrase|passcode|pwd|credential|bearer|api[-_]?key|access[-_]?key|private[-_ ]?key|signature|(?:^|[-_.])(?:auth|keys?|sig|pass|pat|jwt|sas|pin|creds?|otp|psk|pw)$/i

/** Whether a name says that what it names is a secret. */
export function isTelling(name: string): boolean {
  return telling.test(name)
}
