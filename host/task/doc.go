// Package task is the vocabulary of solti-host: what a task is, in the form in which people write it
// and in which the host's API answers.
//
// A [Task] is a named, durable resource with metadata, a [Spec] that says what is wanted and a
// [Status] that says what is so. Its JSON and YAML forms follow Kubernetes' conventions; [Decode]
// reads both strictly and reports all problems of a document at once, each with the path of its
// field. [Task.Validate], [Spec.Validate] and [Metadata.Validate] hold the rules that do not depend on
// a runner.
//
// # Reading
//
// A document in JSON is read straight into the types, in a few microseconds. Only if something is
// wrong with it, it is read once more by a walker that goes on after each problem. A document in
// YAML is first turned into JSON, with numbers as they are written, and then goes the same way; so
// there is one set of rules and one set of messages. The two ways of reading take the same documents
// and read them alike, which the fuzz tests hold them to.
//
// Documents are foreign input: size, depth, what aliases expand to, the number of problems and the
// length of each message are bounded.
//
// Values of this package are plain data. A *Task that the host has handed out is never changed
// again: a later state is another value.
package task
