package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// BenchmarkRunTask measures one attempt without output, both sides of the socket in one process:
// of a handle that is known, and of one that is built on the way and released.
func BenchmarkRunTask(b *testing.B) {
	client := sdktest.Serve(b, runner{run: func(context.Context, *sdk.Run) error { return nil }})
	b.Run("known", func(b *testing.B) {
		build := buildRequest("known", `{}`)
		if _, err := client.BuildTask(b.Context(), build); err != nil {
			b.Fatal(err)
		}
		messages := 0
		b.ReportAllocs()
		for i := range b.N {
			req := &pluginv1.RunTaskRequest{RunId: fmt.Sprintf("known-%d-%d", b.N, i), HandleId: "known", Attempt: 1}
			messages += drainRun(b, client, req)
		}
		b.ReportMetric(float64(messages)/float64(b.N), "messages/op")
	})
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			id := fmt.Sprintf("build-%d-%d", b.N, i)
			drainRun(b, client, &pluginv1.RunTaskRequest{RunId: id, HandleId: id, Attempt: 1, Build: buildRequest(id, `{}`)})
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		var seq atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				id := fmt.Sprintf("par-%d-%d", b.N, seq.Add(1))
				drainRun(b, client, &pluginv1.RunTaskRequest{RunId: id, HandleId: id, Attempt: 1, Build: buildRequest(id, `{}`)})
			}
		})
	})
}

// BenchmarkOutput measures how fast the output of one attempt reaches the client.
func BenchmarkOutput(b *testing.B) {
	chunk := make([]byte, 32<<10)
	n := b.N
	client := sdktest.Serve(b, runner{run: func(_ context.Context, run *sdk.Run) error {
		for range n {
			if _, err := run.Stdout.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	}})
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	drainRun(b, client, &pluginv1.RunTaskRequest{
		RunId: fmt.Sprintf("out-%d", n), HandleId: "out", Attempt: 1, Build: buildRequest("out", `{}`),
	})
}

// drainRun makes an attempt and returns the number of messages it took.
func drainRun(tb testing.TB, client pluginv1.RunnerServiceClient, req *pluginv1.RunTaskRequest) int {
	stream, err := client.RunTask(context.Background(), req)
	if err != nil {
		tb.Error(err)
		return 0
	}
	for n := 0; ; n++ {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF):
			return n
		case err != nil:
			tb.Error(err)
			return n
		}
	}
}
