/** Names of SOAP, XML Schema instances and WS-Security. */
const instance = 'http://www.w3.org/2001/XMLSchema-instance'
const schema = 'http://www.w3.org/2001/XMLSchema'
const encoding11 = 'http://schemas.xmlsoap.org/soap/encoding/'
const encoding12 = 'http://www.w3.org/2003/05/soap-encoding'

export const envelopes = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
} as const

export const encodings = { '1.1': encoding11, '1.2': encoding12 } as const

const prefixes: Readonly<Record<string, string>> = {
  [instance]: 'xsi',
  [schema]: 'xsd',
  [encoding11]: 'enc',
  [encoding12]: 'enc',
  [envelopes['1.1']]: 'soap',
  [envelopes['1.2']]: 'soap',
}

export const xmlNames = {
  instance,
  schema,
  encoding11,
  encoding12,
  xml: 'http://www.w3.org/XML/1998/namespace',
  nil: { namespace: instance, local: 'nil' },
  type: { namespace: instance, local: 'type' },
  prefixes,
} as const
