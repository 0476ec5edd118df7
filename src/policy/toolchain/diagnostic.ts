/** A place in a policy. Lines and columns count from 1, columns and widths in code points. */
export type Place = Readonly<{ file: string; line: number; column: number }>

/** One thing that is wrong with a policy, for its author. */
export type Diagnostic = Place &
  Readonly<{
    /** Code points to underline, at least 1. */
    width: number
    /** OPA's class of error (rego_parse_error, rego_type_error ...), or ours (customhouse_...). */
    code: string
    /** One plain sentence or two: what is wrong and how to mend it. */
    message: string
    /** What OPA itself said. */
    cause: string
    /** Other places of the same fault, and faults that only follow from it. */
    related: readonly (Place & Readonly<{ message: string }>)[]
  }>
