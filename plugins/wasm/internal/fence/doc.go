// Package fence has a process that handles hostile input give up what it does not need: new privileges, and by the
// kernel's Landlock all files but those below some directories; where that is new enough, also TCP (version 4), and
// signals to other processes and their abstract Unix sockets (6). Of other sockets it knows nothing.
//
// # Invariants
//
//   - What is given up is given up by all threads, and by those that they start. In a build with cgo, such as one
//     for the race detector, Go cannot promise that: there a Fence has version 0.
//   - Nothing can be taken back.
package fence
