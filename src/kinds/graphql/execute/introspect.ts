/** The schema of a service, asked of itself (GraphQL specification, section 4.5). */
import { GatewayError } from '../../../model/refusal.ts'
import type { HttpAnswer } from '../../api/http-exchange.ts'
import { requestBody } from './place.ts'
import { answerFault, readResult, tell } from './result.ts'

/**
 * Asks for everything that the newest specification has, and for the least that all have when the service does not
 * know it. @returns the answer's `data` as text. @throws GatewayError server_*
 */
export async function introspect(post: (body: string) => Promise<HttpAnswer>): Promise<string> {
  const { getIntrospectionQuery } = await import('graphql')
  const newest = getIntrospectionQuery({
    descriptions: true,
    schemaDescription: true,
    specifiedByUrl: true,
    inputValueDeprecation: true,
    oneOf: true,
  })
  const older = [
    getIntrospectionQuery({ schemaDescription: true, specifiedByUrl: true }),
    getIntrospectionQuery(),
  ]
  let refused = ''
  for (const query of [newest, ...older]) {
    const answer = await post(requestBody(query, 'IntrospectionQuery', '{}'))
    const result = readResult(answer.body)
    if (result === undefined) throw answerFault(answer)
    if (result.data !== undefined) return result.data.toString('utf8')
    refused = tell(result.errors)
    // Only what the service does not know of is worth asking differently.
    if (answer.status === 401 || answer.status === 403) break
  }
  throw new GatewayError('description_unusable', {
    detail: `the service does not answer an introspection query; give its schema with graphql.schema. ${refused.slice(0, 500)}`,
  })
}
