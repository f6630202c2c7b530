// Package dispatch is the way in: what happens to a submission before it is answered.
//
//	gate -> validate -> schema and static route -> supervisor (admission, one commit) -> answer
//
// What happens after the answer, building and running, is the supervisor's. A dry run goes the whole
// way to a built task, at once, and stores nothing.
package dispatch
