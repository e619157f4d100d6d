package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/troupe-go/troupe"
)

// database stands for a *sql.DB.
type database struct{ statements []string }

func (d *database) ExecContext(_ context.Context, query string, args ...any) (rows int64, err error) {
	d.statements = append(d.statements, query)
	return int64(len(args) / 2), nil
}

// Many records are inserted with one statement. Those that are no rows are refused by themselves; what the database says of
// the statement is every other record's, and is tried again as a whole.
func ExampleBatchHandler() {
	var db database
	insert := troupe.BatchHandlerFunc(func(ctx context.Context, records []*troupe.Record) error {
		var (
			failed troupe.BatchError
			rows   []string
			args   []any
			of     []int
		)
		for i, r := range records {
			if len(r.Value) == 0 {
				failed.Fail(i, troupe.Permanent(errors.New("no payload")))
				continue
			}
			rows = append(rows, fmt.Sprintf("($%d, $%d)", len(args)+1, len(args)+2))
			args, of = append(args, r.Key, r.Value), append(of, i)
		}
		if len(rows) > 0 {
			_, err := db.ExecContext(ctx, "INSERT INTO orders VALUES "+strings.Join(rows, ", ")+" ON CONFLICT DO NOTHING", args...)
			for _, i := range of {
				failed.Fail(i, err) // nil is no failure
			}
		}
		return failed.Err()
	})
	config := troupe.Config{
		BatchHandler: insert,
		Batch:        troupe.BatchPolicy{Records: 1000},
		Middleware:   []troupe.Middleware{troupe.RateLimit(50_000, 1000), troupe.Logging(slog.Default())},
	}

	err := config.BatchHandler.HandleBatch(context.Background(), []*troupe.Record{
		{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}, {Key: []byte("c"), Value: []byte("3")},
	})
	fmt.Println(db.statements[0])
	fmt.Println(err)
	// Output:
	// INSERT INTO orders VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING
	// the record at index 1 of the batch failed: no payload
}

// In partition order a handler that must not go on behind a record that failed stops there. The records behind it are handled
// again, after its retry.
func ExampleBatchError_StopAt() {
	store := func(*troupe.Record) error { return errors.New("locked") }
	_ = troupe.BatchHandlerFunc(func(_ context.Context, records []*troupe.Record) error {
		var failed troupe.BatchError
		for i, r := range records {
			if err := store(r); err != nil {
				failed.Fail(i, err)
				failed.StopAt(i + 1)
				break
			}
		}
		return failed.Err()
	})
}

// One middleware for records and batches; here one that counts them.
func ExampleAround() {
	metered := troupe.Around(func(ctx context.Context, records []*troupe.Record, next func(context.Context) error) error {
		err := next(ctx)
		slog.Debug("handled", "topic", records[0].Topic, "records", len(records), "error", err)
		return err
	})
	_ = troupe.Config{Middleware: []troupe.Middleware{metered}}
}
