// Package proctest is for tests that start processes.
//
// The test binary itself is the child: [Main] has it serve as one of its [Modes], and verifies that a run of the tests
// leaves no goroutine. [Alive] and [Descriptors] tell what children leave behind, [Until] waits for what another
// process does, [Cramped] gives one little memory, [ThreadTime] tells what was computed however busy the machine is,
// and [GoModule] has the go command build a guest.
//
// # Rules
//
//   - A test waits for what it wants to see, for as long as [Patience], and concludes nothing from how long that took.
//   - What the race detector leaves no room or time for, because it takes gigabytes of data or makes a compiler take
//     minutes, is skipped where [Raced] says so, and named in a call of [WithoutRace], which runs it all the same.
package proctest
