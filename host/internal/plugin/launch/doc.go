// Package launch starts one plugin process, shakes hands with it, and makes sure of its end.
//
// go-plugin is the handshake here and not the supervisor. [Start] gives it a runner of our own, which
// owns the process, the pipes and the end. What go-plugin's client would do after the handshake is
// done by this package itself, because parts of it cannot be bounded from outside: its connection is
// set up under a lock while an RPC without deadline waits for the plugin; its stop calls another one;
// its broker starts a goroutine for every message of the plugin. So its Start is called, its Client
// and its Kill are not, and its goroutines end when our runner says that the process has.
//
// # What the plugin can do to the host
//
// Everything read from a plugin is foreign. Its first line is checked before go-plugin sees it: the
// versions must fit, the address must be a Unix socket that lies in the directory made for this
// launch, and there is no certificate, because go-plugin would dereference nil for one. Whatever it
// writes to standard output after that is read and logged, so that it never blocks. Its standard
// error is cut into lines of at most 8 KiB, at most 500 a second after a burst of 2000, of which
// log entries in hclog's JSON form are taken apart without trust in any type. The connection is made
// only to the process that was started, which the kernel confirms.
//
// # The end
//
// A process has ended when the kernel says so, not when its pipes are closed. While it is a zombie,
// and therefore its number cannot be used again, everything it has left behind is killed and looked
// for until nothing is found. Only then is it reaped, the directory removed and [Process.Gone] closed.
//
// # Bounds
//
//	first line        the launch's start timeout, 4 KiB
//	stop              the grace, then SIGKILL to the whole tree
//	reading pipes     200 ms after the exit, whoever still holds them
package launch
