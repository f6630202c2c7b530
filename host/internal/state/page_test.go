package state

import (
	"errors"
	"fmt"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

// BenchmarkPage is the first page of 100,000 tasks under one condition, and under two.
func BenchmarkPage(b *testing.B) {
	v := newView()
	for i := range 100_000 {
		m := made{
			name: fmt.Sprintf("task-%06d", i), slot: fmt.Sprintf("slot-%d", i), phase: task.Succeeded, done: true,
			labels: map[string]string{"half": fmt.Sprint(i % 2)},
		}
		r := m.record()
		v.apply(&r)
	}
	half := &task.Selector{MatchLabels: map[string]string{"half": "1"}}
	for name, q := range map[string]task.Query{
		"all": {}, "label": {Labels: half}, "label and phase": {Labels: half, Phases: []task.Phase{task.Succeeded}},
	} {
		f := newFilter(&q)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v.page(f, "", task.DefaultPage)
			}
		})
	}
}

// FuzzContinueToken lists with any token: what the host has not given for that list is refused.
func FuzzContinueToken(f *testing.F) {
	st, _ := filled(f, 10)
	list, err := st.List(task.Query{Limit: 3})
	if err != nil {
		f.Fatal(err)
	}
	good := list.Metadata.Continue
	for _, token := range []string{good, good[1:], good + "A", "", "*", "AAAAAAAAAAAAAAAA"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		l, err := st.List(task.Query{Limit: 3, Continue: token})
		if token == good || token == "" {
			if err != nil || len(l.Items) != 3 {
				t.Errorf("%q: %v", token, err)
			}
		} else if !errors.Is(err, task.ErrExpired) {
			t.Errorf("%q is taken: %v", token, err)
		}
	})
}
