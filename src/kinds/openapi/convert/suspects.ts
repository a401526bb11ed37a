/**
 * Arguments that look like credentials though the description declares none there: a caller could not know them, and a
 * secret must not pass through a model. They stay arguments until the configuration fills them; a note says how.
 */

import { snake } from '../../../kit/snake.ts'
import type { ConversionReport } from '../../../model/conversion.ts'
import type { CredentialPlace } from '../../../model/credential.ts'
import { textAt } from '../../document/json.ts'
import { pointerOf } from '../../document/place.ts'
import type { Parameter } from './parameters.ts'

/** Names that hardly mean anything else. */
const certain =
  /^(x_)?(api|app|auth|access|client|subscription|developer|dev|rapidapi|ocp_apim_subscription|secret)_?(key|token|secret)$|^x_(auth|token|key|apikey)$|^(apikey|authtoken|accesstoken|auth_token|session_token|bearer_token|oauth_token)$/
/** In headers the name of a vendor may stand before it, e.g. `X-AcmeAPI-Key`. */
const ofVendor = /_(api|access|auth)_?(key|token|secret)$/
/** Names that mean other things too; in a header, described as such, or asked for nearly everywhere they are credentials. */
const likely =
  /^(token|key|auth|appid|app_id|apitoken|secret|credential|credentials|passkey|licen[cs]e)$/
const described = /\b(api|access|auth\w*|security|bearer)[ -]?(key|token)/i
const notesMax = 20

interface Suspect extends CredentialPlace {
  readonly isCertain: boolean
  readonly place: string
  count: number
}

export class Suspects {
  private readonly found = new Map<string, Suspect>()

  /** Looks at the required parameters of one operation. */
  look(parameters: readonly Parameter[]): void {
    for (const { name, in: where, required, spot } of parameters) {
      if (!required || where === 'path') continue
      const words = snake(name)
      const isCertain =
        certain.test(words) ||
        (where === 'header' && ofVendor.test(words)) ||
        (likely.test(words) &&
          (where === 'header' || described.test(textAt(spot.value, 'description') ?? '')))
      if (!isCertain && !likely.test(words)) continue
      const key = `${where} ${where === 'header' ? name.toLowerCase() : name}`
      const known = this.found.get(key)
      if (known === undefined)
        this.found.set(key, { in: where, name, isCertain, place: pointerOf(spot.at), count: 1 })
      else known.count++
    }
  }

  /** `tools` is how many there are: what most of them ask for is a credential. */
  notes(tools: number): readonly ConversionReport[] {
    return [...this.found.values()]
      .filter(({ isCertain, count }) => isCertain || (tools > 1 && count * 2 > tools))
      .sort((a, b) => b.count - a.count)
      .slice(0, notesMax)
      .map(({ in: where, name, place, count }) => ({
        operation: '',
        code: 'credential_undeclared',
        reason: `${count} of ${tools} tools ask for ${JSON.stringify(name)} (${where}), which looks like a credential that the description does not declare. Configure it, and no tool asks for it: ${wayOf(where, name)}.`,
        place,
      }))
  }
}

function wayOf(where: CredentialPlace['in'], name: string): string {
  return where === 'header'
    ? `credential: { header: ${JSON.stringify(name)}, value: ... }`
    : `credential: { ${where}: { name: ${JSON.stringify(name)}, value: ... } }`
}
