// Package e2e tests the program from outside: the built binaries, as processes, over their sockets, as a
// person with curl or a script would use them. It knows what the documents promise and nothing of how
// it is done.
package e2e
