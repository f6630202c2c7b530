package main

import (
	"context"
	"io"
)

func outputRate(context.Context, *bench, io.Writer) error { return nil }
func stateSize(context.Context, *bench, io.Writer) error  { return nil }
func idle(context.Context, *bench, io.Writer) error       { return nil }
