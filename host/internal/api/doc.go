// Package api serves the host's API: HTTP/JSON with event streams, and gRPC beside it.
//
// A [Server] translates. It decodes requests strictly, asks its backend, and encodes the answer; it
// decides nothing about tasks and keeps nothing. What it needs of the host it names in [Tasks],
// [Plugins] and [Health].
//
// # What a caller may rely on
//
//   - Nothing is answered to a stranger but liveness. A Unix socket asks the kernel who connects and
//     hears only the host's own user and root, before it reads a byte. TCP is loopback only, wants
//     the bearer token on every route, and refuses foreign Host and Origin headers, so that no web
//     page can use it, not even by rebinding a name.
//   - Routes are one static table ([Routes]); a test asks each of them without a credential.
//   - A request is bounded before it is read: headers, body, nesting, time. What is over a bound is
//     refused and never cut.
//   - Every failure is a Status (see [task.APIStatus]), whose code and reason, on HTTP and on gRPC,
//     come from one table in errors.go.
//   - A reader that does not read is closed after 10 seconds. It holds at most a few chunks of
//     output and never makes the backend wait.
//   - Shutdown ends long polls and streams with an answer, waits for the others, and then closes.
package api
