// What pgx and lib/pq do, each in its own way, against the server of the URL that is given: prints what came back.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/lib/pq"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	withPgx(os.Args[1])
	withPq(os.Args[1])
}

func withPgx(url string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	must(err)
	_, err = conn.Exec(ctx, "create temp table t (n int primary key, text text)")
	must(err)

	// A pipeline: all with one Sync.
	batch := &pgx.Batch{}
	for n := 0; n < 23; n++ {
		batch.Queue("insert into t values ($1, $2)", n, strings.Repeat("x", n))
	}
	batch.Queue("select count(*) from t")
	results := conn.SendBatch(ctx, batch)
	for n := 0; n < 23; n++ {
		_, err = results.Exec()
		must(err)
	}
	var count int
	must(results.QueryRow().Scan(&count))
	must(results.Close())
	fmt.Println("pgx batch", count)

	// An error in the middle of a pipeline: the rest is skipped.
	failing := &pgx.Batch{}
	failing.Queue("select 1")
	failing.Queue("insert into t values (1, 'again')")
	failing.Queue("select 3")
	results = conn.SendBatch(ctx, failing)
	_, err = results.Exec()
	must(err)
	_, err = results.Exec()
	fmt.Println("pgx failing batch", sqlstate(err))
	results.Close()

	// A named statement.
	_, err = conn.Prepare(ctx, "by_number", "select text from t where n = $1")
	must(err)
	length := 0
	for n := 0; n < 23; n++ {
		var text string
		must(conn.QueryRow(ctx, "by_number", n).Scan(&text))
		length += len(text)
	}
	fmt.Println("pgx named statement", length)

	// COPY in, binary, and out, as text.
	rows := make([][]interface{}, 997)
	for n := range rows {
		rows[n] = []interface{}{int32(1000 + n), "copied"}
	}
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"n", "text"}, pgx.CopyFromRows(rows))
	must(err)
	var out bytes.Buffer
	tag, err := conn.PgConn().CopyTo(ctx, &out, "copy (select * from t order by n) to stdout")
	must(err)
	fmt.Println("pgx copy", copied, tag, out.Len())

	// A query that is cancelled when its time is over: pgx closes the connection.
	other, err := pgx.Connect(ctx, url)
	must(err)
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = other.Exec(short, "select pg_sleep(61) as pgx")
	stop()
	fmt.Println("pgx cancelled", err != nil, other.IsClosed())

	// LISTEN and NOTIFY.
	_, err = conn.Exec(ctx, "listen gophers")
	must(err)
	_, err = conn.Exec(ctx, "notify gophers, 'pgx'")
	must(err)
	notification, err := conn.WaitForNotification(ctx)
	must(err)
	fmt.Println("pgx notified", notification.Payload)
	must(conn.Close(ctx))
}

func withPq(url string) {
	db, err := sql.Open("postgres", url)
	must(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("create temp table t (n int primary key, text text)")
	must(err)

	tx, err := db.Begin()
	must(err)
	copier, err := tx.Prepare(pq.CopyIn("t", "n", "text"))
	must(err)
	for n := 0; n < 997; n++ {
		_, err = copier.Exec(n, "copied")
		must(err)
	}
	_, err = copier.Exec()
	must(err)
	must(copier.Close())
	must(tx.Commit())
	var count int
	must(db.QueryRow("select count(*) from t where n < $1", 500).Scan(&count))
	fmt.Println("lib/pq copy", count)

	_, err = db.Exec("insert into t values (1, 'again')")
	fmt.Println("lib/pq error", sqlstate(err))

	short, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	_, err = db.ExecContext(short, "select pg_sleep(61) as pq")
	stop()
	fmt.Println("lib/pq cancelled", sqlstate(err))

	listener := pq.NewListener(url, time.Second, time.Second, nil)
	must(listener.Listen("gophers"))
	_, err = db.Exec("notify gophers, 'lib/pq'")
	must(err)
	fmt.Println("lib/pq notified", (<-listener.Notify).Extra)
	must(listener.Close())
	must(db.Close())
}

func sqlstate(err error) string {
	var fromPgx *pgconn.PgError
	if errors.As(err, &fromPgx) {
		return fromPgx.Code
	}
	var fromPq *pq.Error
	if errors.As(err, &fromPq) {
		return string(fromPq.Code)
	}
	return fmt.Sprint(err)
}
