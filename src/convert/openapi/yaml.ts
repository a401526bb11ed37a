/**
 * The YAML library as a module of ours. It is CommonJS: imported dynamically by itself it has, once bundled in parts,
 * no names but `default`.
 */
import { isMap, isPair, isScalar, parseDocument } from 'yaml'

export const parse = parseDocument
export const nodes = { isMap, isPair, isScalar }
