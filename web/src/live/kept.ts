// What was made of a part of the document is kept as long as that part is the same object: a patch leaves as it is what it
// does not name, so whatever follows from the rest needs no second look.
export function kept<S extends object, T>(make: (source: S) => T): (source: S) => T {
  const known = new WeakMap<S, { made: T }>();
  return (source) => {
    const found = known.get(source);
    if (found) return found.made;
    const made = make(source);
    known.set(source, { made });
    return made;
  };
}
