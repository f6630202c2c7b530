// Package fence makes sure that processes are gone: all of them, and for certain.
//
// What a plugin starts can leave its process group, its session and its parent. Such processes are
// found again by what they cannot easily shed:
//
//   - a cgroup of version 2, where one can be made ([Cgroups]); the kernel kills it whole;
//   - marks in the environment with which they were started ([Process.Environ]);
//   - an ancestor that was found by any of these ([Kill]);
//   - an inherited lock on a file ([Holders]), which also tells the next host that somebody is left;
//   - the session of a leader that is dead but not yet reaped, whose number therefore is not reused;
//   - the host itself, where it adopts orphans ([Reaper]).
//
// What may be removed when its process is gone, directories and cgroups, is claimed by it ([Claim]): the
// claim ends with the process, and whoever gets it finds nobody alive.
//
// # Invariants
//
//   - No process is signalled by its number alone: the time of its start, and for what was read from
//     disk the boot as well, is compared through a descriptor of the process where the system has
//     such descriptors ([Ident.Kill]).
//   - [Kill] returns nil only after two looks in a row found nothing alive, so that a process that
//     forks while it is being killed does not slip through.
//   - The calling process and its ancestors are never killed.
//
// A process that has taken another user's identity can be neither read nor killed by an ordinary
// user's host. Without cgroups, one that also replaced its environment and closed all its files is
// found only as long as an ancestor of it lives, or by a host that adopts orphans.
package fence
