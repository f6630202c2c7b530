package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

func TestExitCodes(t *testing.T) {
	answer := func(code int, r task.Reason) error { return &client.StatusError{Code: code, Reason: r} }
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{exitError(1), 1},
		{misuseError{err: errors.New("x")}, 2},
		{inDocument("f", task.FieldErrors{{Path: "spec.slot", Message: "m"}}), 2},
		{inDocument("f", &task.Error{Reason: task.ReasonInvalidSpec}), 2},
		{answer(422, task.ReasonInvalid), 2},
		{answer(400, task.ReasonBadRequest), 2},
		{answer(404, task.ReasonNotFound), 1},
		{answer(409, task.ReasonAlreadyExists), 1},
		{answer(429, task.ReasonQueueFull), 1},
		{answer(403, task.ReasonForbidden), 1},
		{inDocument("f", &task.Error{Reason: task.ReasonNoRunner, Err: task.ErrNoRunner}), 1},
		{fmt.Errorf("x: %w", errInterrupted), 1},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), 3},
		{answer(503, task.ReasonNotReady), 4},
		{answer(507, task.ReasonNoSpace), 4},
		{answer(500, task.ReasonInternal), 4},
		{fmt.Errorf("x: %w", client.ErrNoHost), 4},
		{&os.PathError{Op: "open", Path: "x", Err: os.ErrPermission}, 4},
	}
	for _, tt := range tests {
		var out strings.Builder
		a := &app{errs: &out}
		if got := a.exit(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestOutcomeCodes(t *testing.T) {
	for _, k := range task.OutcomeKinds {
		want := exitFailed
		switch k {
		case task.OutcomeCompleted:
			want = exitOK
		case task.OutcomeLost:
			want = exitInfra
		}
		if got := outcomeCode(&task.Outcome{Kind: k}); got != want {
			t.Errorf("%s: got %d, want %d", k, got, want)
		}
	}
}

func TestDocumentErrorsAreOneALine(t *testing.T) {
	err := inDocument("a.yaml", aboutTask("x", &client.StatusError{Reason: task.ReasonInvalid, Causes: task.FieldErrors{
		{Path: "spec.workload.spec.args[1]", Message: "must be a string"}, {Message: "too much", Line: 3},
	}}))
	want := "a.yaml: spec.workload.spec.args[1]: must be a string\na.yaml: too much (line 3)"
	if err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}
