// Package codec turns tasks and runs into the bytes of the store, and back.
//
// A value is one version byte, a payload, and a CRC-32C over the bucket's name, the key, the version
// and the payload: a value that was damaged, or that stands under another key, is found out. The
// payload is in the protobuf wire format, written by hand because it must be quick and must be
// readable in part: the head of a finished task without its workload. As in protobuf, fields that are
// not known are skipped, fields that are zero are not written, and numbers are never used again, so
// that a payload only grows.
//
// What changes with every step of a task is its [Image]. A task's value and the value of a run carry
// the image of the moment in which they were written; the image with the highest revision holds.
//
// Decoding never panics, whatever the bytes. What is decoded shares no memory with them.
package codec
