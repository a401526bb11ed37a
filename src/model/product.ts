/** Version of this product; the packed package.json says the same, which a test checks. */
export const productVersion = '0.1.0'

/** `serverInfo` and `clientInfo` of the gateway, raw. */
export const productInfo = `{"name":"sallyport","title":"Sallyport","version":"${productVersion}"}`

/** `User-Agent` of requests to servers; many firewalls refuse requests without one. */
export const userAgent = `sallyport/${productVersion}`
