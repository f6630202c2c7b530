// Package task is the vocabulary of solti-host: what a task is, in the form in which people write it
// and in which the host's API answers.
//
// A [Task] is a named, durable resource with metadata, a [Spec] that says what is wanted and a
// [Status] that says what is so. Its JSON and YAML forms follow Kubernetes' conventions; [Decode]
// reads both strictly and reports all problems of a document at once, each with the path of its
// field. [Spec.Validate] and [Metadata.Validate] hold the rules that do not depend on a runner.
//
// Values of this package are plain data. A *Task that the host has handed out is never changed
// again: a later state is another value.
package task
