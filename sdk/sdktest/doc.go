// Package sdktest checks runner plugins from the outside.
//
// [Run] is the conformance suite: it launches the real binary, whatever language it is written in, with
// a launcher and a gRPC client of its own, and holds it to what docs/plugin-protocol.md promises to a
// host. A plugin's author calls it from one test, with a workload for each behaviour to be checked:
//
//	func TestConformance(t *testing.T) {
//		sdktest.Run(t, sdktest.Config{
//			Binary:  build(t),
//			OK:      &sdktest.Workload{APIVersion: "acme.dev/v1", Kind: "Probe", Spec: `{"file": "/"}`},
//			Forever: ...
//		})
//	}
//
// What no workload is given for is skipped. [Serve] is for an author's unit tests: it serves a
// runner in the process of the test.
//
// # Promises
//
//   - The suite looks at nothing but the process, its socket and its descendants.
//   - Every step has a deadline; a plugin that hangs fails the test and nothing else.
//   - Whatever a test launches is dead when the test ends.
package sdktest
