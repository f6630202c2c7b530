// Package client talks to a running host over its HTTP API.
//
// A [Client] finds the host by its state directory: by the Unix socket there, or else by the TCP
// address and token in endpoint.json. It looks anew whenever it connects, so a Client outlives
// restarts of the host.
//
// # What a caller may rely on
//
//   - A failure that the host has answered is a [*StatusError], which answers to errors.Is with the
//     conditions of package task. Every other error means that no answer came: the request may or
//     may not have taken effect.
//   - [Client.Wait] and [Client.Output] survive broken connections and restarts of the host for as
//     long as their context lives. Output repeats no byte and skips none without a gap that says so.
//   - A Client may be used by any number of goroutines.
package client
