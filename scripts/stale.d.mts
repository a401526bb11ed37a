export function isStale(): boolean
