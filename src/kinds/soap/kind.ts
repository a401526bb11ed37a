/** SOAP services with a WSDL. */
import { type ApiKindOf, none, ofPlans, rooted, some } from '../kind.ts'

export const soap: ApiKindOf<'soap'> = {
  name: 'soap',
  recognition: {
    ofText: ({ form, head }) =>
      form === 'xml' &&
      (head.includes('http://schemas.xmlsoap.org/wsdl/') ||
        head.includes('http://www.w3.org/ns/wsdl'))
        ? 'a WSDL'
        : undefined,
    places: /\.(wsdl|xsd)$|[?&]wsdl\b/i,
  },
  hasRoot: true,
  hasAccount: false,
  addressedBy: 'endpoint',
  entry: ({ source, baseUrl, root, headers, operations }) => ({
    soap: {
      wsdl: source,
      ...root,
      ...(baseUrl === undefined ? {} : { endpoint: baseUrl }),
      ...headers,
      ...operations,
    },
  }),
  located: (spec, absolute) => ({ ...rooted(spec, absolute), wsdl: absolute(spec.wsdl) }),
  address: ({ endpoint, wsdl }) => endpoint ?? wsdl,
  description: ({ wsdl }) => wsdl,
  endpoints: ({ endpoint }) => some(endpoint),
  targets: ofPlans('endpoint'),
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createSoapExecutor,
}
