// Package chaos breaks a host that is built for release, under load and on purpose, and looks at what
// is left. It has tests only: a real host with real plugins runs as a process, and everything is asked
// of it over HTTP on its Unix socket, as its users do.
//
//   - The host is killed with SIGKILL at random moments, 200 times, and started again on the same
//     state directory, while submitters go on. Package oracle says what must hold after that.
//   - One plugin is killed and stopped while tasks of another go on.
//   - The host is asked to end while many tasks run of which half do not want to.
//   - The checks themselves are checked: a host whose state was tampered with must be found out.
//
// # Load
//
// Payloads are small shell scripts. Each holds two locks for its whole life, of its task and of its
// slot, which its children inherit; a payload that finds one of them taken says so and exits. It
// writes a line when it begins and one when it ends to a ledger outside the host. Submitters create,
// apply, cancel, delete and look, repeat idempotency keys, and write down what they are answered.
//
// # Running it
//
//	go test -count=1 ./chaos                 200 kills, and 20 as another user; some minutes
//	go test -count=1 ./chaos -short          20 kills, and 2 as another user
//	go test -count=1 ./chaos -seed=N         the same choices again
//	SOLTI_LONG=1 go test ./chaos -timeout=3h ten times that, and as another user as often
//
// CHAOS_HOST and CHAOS_PLUGINS name a solti-host and a directory with solti-runner-subprocess to be
// tested; without them both are built. A seed fixes what is asked for and when a host is killed, as
// far as a machine repeats itself. What a failed test leaves behind is kept, and the test says where.
package chaos
