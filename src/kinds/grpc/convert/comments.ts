/** Comments of a description, by the path that source information has (descriptor.proto, `SourceCodeInfo`). */
import type {
  DescEnum,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescService,
} from '@bufbuild/protobuf'
import { plainLine } from '../../text.ts'

type Described = DescMessage | DescEnum | DescField | DescService | DescMethod

const byFile = new WeakMap<DescFile, ReadonlyMap<string, string>>()

/** The comment above something as one plain line of at most `max` characters; undefined when there is none. */
export function commentOf(desc: Described, max: number): string | undefined {
  const file = 'file' in desc ? desc.file : desc.parent.file
  const text = plainLine(commentsOf(file).get(pathOf(desc).join('.')) ?? '', max)
  return text === '' ? undefined : text
}

function commentsOf(file: DescFile): ReadonlyMap<string, string> {
  let comments = byFile.get(file)
  if (comments === undefined) {
    comments = new Map(
      (file.proto.sourceCodeInfo?.location ?? []).flatMap(
        ({ path, leadingComments, trailingComments }): [string, string][] => {
          const text = leadingComments.trim() === '' ? trailingComments : leadingComments
          return text.trim() === '' ? [] : [[path.join('.'), text]]
        },
      ),
    )
    byFile.set(file, comments)
  }
  return comments
}

function pathOf(desc: Described): readonly number[] {
  switch (desc.kind) {
    case 'message':
      return desc.parent === undefined
        ? [4, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 3, desc.parent.proto.nestedType.indexOf(desc.proto)]
    case 'enum':
      return desc.parent === undefined
        ? [5, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 4, desc.parent.proto.enumType.indexOf(desc.proto)]
    case 'field':
      return [...pathOf(desc.parent), 2, desc.parent.proto.field.indexOf(desc.proto)]
    case 'service':
      return [6, desc.file.proto.service.indexOf(desc.proto)]
    case 'rpc':
      return [...pathOf(desc.parent), 2, desc.parent.proto.method.indexOf(desc.proto)]
  }
}
