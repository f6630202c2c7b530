// Package module reads the binary format of WebAssembly as far as admission needs it, and rewrites modules so
// that they start sooner.
//
//   - [Inspect] reads a module whole, every section and every instruction's shape, and returns [Facts]: what it
//     imports and exports, how much memory it wants, how large its largest function is. It checks form, not
//     types; whether the code is valid is for the engine to say.
//   - [Facts.Refusals] holds facts against [Rules] and returns all reasons to refuse at once, each with what to
//     do about it. A component is not a module, but a fact like the others, so that it is refused in the same words.
//   - [Normalize] drops what a run does not need (debug information, unknown custom sections) and joins data
//     segments that are close to each other. Go's linker makes 30,000 of them, and an engine evaluates one
//     expression for each in every instance.
//   - [Shell] leaves of a module all but what its functions do, for who has that as native code.
//
// The package is pure: it has no state, does no I/O and knows no engine.
//
// # Invariants
//
//   - Any input is read once, from its beginning to its end, without recursion: work is linear in its length, but
//     for sorting data segments that are not in order.
//   - Counts in the input are believed only as far as there are bytes for them, so that memory is a small
//     multiple of the input's length whatever it claims. Engines do not promise that: a module has to pass
//     Inspect before wazero may see it.
//   - What the engine takes, Inspect takes, but for the limits of this package, which are those of browsers.
//   - Normalize changes nothing that a guest or its host can tell, but for what debug information adds to
//     traps. It refuses what Inspect refuses, and leaves data alone where in doubt. Its result is its own
//     fixed point.
//   - A function of a shell traps and does nothing else. Outside of bodies a shell is the module byte by byte, but
//     for two numbers that follow from them: how many there are and how long they are. What Inspect takes has a shell,
//     and if the engine takes the module, it takes the shell.
package module
