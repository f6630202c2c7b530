// Package host runs tasks with runner plugins: it is solti-host as a library.
//
// A [Host] discovers the plugins in a directory, starts each as a process of its own, routes tasks to
// them, supervises their attempts and keeps what happened on disk. Tasks whose code is part of the
// program itself run beside them with [Host.SubmitFunc].
//
//	h, err := host.New(host.Options{StateDir: "/var/lib/agent", PluginDir: "/usr/lib/agent/plugins"})
//	...
//	if err := h.Start(ctx); err != nil { ... }
//	defer h.Shutdown(ctx)
//	t, err := h.Submit(ctx, &task.Task{Spec: task.Spec{Slot: "backup", Workload: ...}})
//	t, err = h.Wait(ctx, t.Metadata.Name, t.Metadata.UID)
//
// When Submit returns, the task is on disk: whatever happens to the process, a host that is started
// with the same state directory goes on with it. [Host.Serve] offers the same over HTTP and gRPC.
package host
