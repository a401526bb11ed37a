/** Against the published examples: AWS "Signature Version 4 Test Suite" and the IAM example of the General Reference. */
import { describe, expect, test } from 'vitest'
import { awsAddress, awsHeaders, type Signable } from './aws-signature.ts'

const key = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: undefined,
  region: 'us-east-1',
  service: 'service',
}
const now = Date.UTC(2015, 7, 30, 12, 36)
const base: Signable = {
  method: 'GET',
  host: 'example.amazonaws.com',
  path: '/',
  headers: { accept: 'not signed', 'user-agent': 'not signed' },
  body: undefined,
}
const form = 'application/x-www-form-urlencoded'

describe('the test suite', () => {
  test.each<[string, Partial<Signable>, string]>([
    ['get-vanilla', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-query-order-key-case',
      { path: '/?Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-empty-query-key',
      { path: '/?Param1=value1' },
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    [
      'get-unreserved',
      { path: '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz' },
      '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
    ],
    [
      'get-utf8',
      { path: '/\u1234' },
      '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
    ],
    [
      'post-vanilla',
      { method: 'POST' },
      '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    ],
    [
      'post-x-www-form-urlencoded',
      { method: 'POST', headers: { 'content-type': form }, body: 'Param1=value1' },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_name, over, signature) => {
    const { authorization } = awsHeaders({ ...base, ...over }, key, now)
    expect(authorization).toContain(
      'Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ',
    )
    expect(authorization).toContain(`Signature=${signature}`)
  })

  test('the example of IAM', () => {
    const request = {
      ...base,
      host: 'iam.amazonaws.com',
      path: '/?Action=ListUsers&Version=2010-05-08',
      headers: { 'content-type': `${form}; charset=utf-8` },
    }
    expect(awsHeaders(request, { ...key, service: 'iam' }, now)).toEqual({
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    })
  })

  test('a session token is sent and signed, and S3 gets the digest of the payload', () => {
    const headers = awsHeaders(base, { ...key, service: 's3', sessionToken: 'token' }, now)
    expect(headers).toMatchObject({
      'x-amz-security-token': 'token',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      authorization: expect.stringContaining(
        'SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, ',
      ),
    })
  })
})

test.each([
  ['cloudsearch.us-east-1.amazonaws.com', 'cloudsearch', 'us-east-1'],
  ['sqs.cn-north-1.amazonaws.com.cn', 'sqs', 'cn-north-1'],
  ['iam.amazonaws.com', 'iam', 'us-east-1'],
  ['ab1.execute-api.eu-west-1.amazonaws.com', 'execute-api', 'eu-west-1'],
  ['bucket.s3.us-gov-west-1.amazonaws.com', 's3', 'us-gov-west-1'],
  ['s3-eu-central-1.amazonaws.com', 's3', 'eu-central-1'],
  ['s3.dualstack.ap-south-1.amazonaws.com', 's3', 'ap-south-1'],
  ['search-x.us-east-2.es.amazonaws.com', 'es', 'us-east-2'],
  ['kms-fips.us-west-2.amazonaws.com', 'kms', 'us-west-2'],
  ['abc.lambda-url.us-east-1.on.aws', 'lambda', 'us-east-1'],
  ['api.example.com', undefined, undefined],
])('%s says service and region', (host, service, region) => {
  const found = awsAddress(host)
  expect([found.service, found.region]).toEqual([service, region])
})
