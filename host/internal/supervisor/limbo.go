package supervisor

import "github.com/soltihq/solti-host/host/task"

// limbo holds the tasks that ended or were forgotten in steps that may not be durable yet: the index
// knows nothing of them before they are.
type limbo struct {
	names map[task.Name]ending
	order []task.Name // by unit
}

// An ending is a task that is over, or forgotten.
type ending struct {
	task      *task.Task // its last image
	forgotten bool
	unit      uint64 // the step that decided it
}

func (l *limbo) add(name task.Name, e ending) {
	l.names[name] = e
	l.order = append(l.order, name)
}

// settle drops what the index has by now: everything of the first so many steps.
func (l *limbo) settle(durable uint64) {
	for len(l.order) > 0 {
		e, ok := l.names[l.order[0]]
		if ok && e.unit > durable {
			return
		}
		delete(l.names, l.order[0])
		l.order = l.order[1:]
	}
}

// finished returns the uid of the finished task of that name, as decided so far. Its image comes with
// it while the index may not have it.
func (m *machine) finished(name task.Name) (uid task.UID, image *task.Task, ok bool) {
	if e, found := m.limbo.names[name]; found {
		if e.forgotten {
			return task.UID{}, nil, false
		}
		return e.task.Metadata.UID, e.task, true
	}
	uid, ok = m.index.Lookup(name)
	return uid, nil, ok
}
