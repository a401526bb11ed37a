import type { Writable } from 'node:stream'
import type { Account } from '../model/account.ts'

/** The bytes that wait in a connection for a client that does not take them, counted at its account. */
export class Pending {
  private readonly stream: Writable
  private readonly account: Account
  private held = 0
  private isWatched = false

  constructor(stream: Writable, account: Account) {
    this.stream = stream
    this.account = account
  }

  /** To be called after each write. False: there is no room for so much, and the client counts as gone. */
  fits(): boolean {
    const waiting = this.stream.destroyed ? 0 : this.stream.writableLength
    if (waiting > this.held && !this.account.tryTake(waiting - this.held)) return false
    if (waiting < this.held) this.account.give(this.held - waiting)
    this.held = waiting
    if (waiting > 0 && !this.isWatched) {
      this.isWatched = true
      const look = (): void => void this.fits()
      this.stream.on('drain', look)
      this.stream.once('finish', look)
      this.stream.once('close', look)
    }
    return true
  }
}
