/** The query of a description's URL may be a key: it stands in no report and no fault. */
import { type Conversion, ConversionFault, type ConversionReport } from '../../model/conversion.ts'

function masker(place: string | undefined): (text: string) => string {
  const search = place === undefined ? '' : (URL.parse(place)?.search ?? '')
  // `?wsdl` and the like say nothing.
  return search.includes('=') ? (text) => text.replaceAll(search, '?***') : (text) => text
}

export async function convertMasked(
  place: string | undefined,
  convert: () => Promise<Conversion>,
): Promise<Conversion> {
  const conversion = await faultsMasked(place, convert)
  const mask = masker(place)
  const masked = (reports: readonly ConversionReport[]): ConversionReport[] =>
    reports.map((report) => ({
      ...report,
      reason: mask(report.reason),
      place: mask(report.place),
    }))
  return { ...conversion, skipped: masked(conversion.skipped), notes: masked(conversion.notes) }
}

export async function faultsMasked<T>(
  place: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    throw fault instanceof ConversionFault ? maskedFault(fault, masker(place)) : fault
  }
}

function maskedFault(
  { code, message, place, byEgress }: ConversionFault,
  mask: (text: string) => string,
): ConversionFault {
  return new ConversionFault(code, mask(message), mask(place), byEgress)
}
