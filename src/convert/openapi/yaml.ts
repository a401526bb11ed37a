/**
 * The YAML library as a module of ours. It is CommonJS: imported dynamically by itself it has, once bundled in parts,
 * no names but `default`.
 */
import { parseDocument } from 'yaml'

export const parse = parseDocument
