package azure

import (
	"context"
	"net"
	"time"
)

// stallTime is how long a connection on which something is awaited may stand
// still in both directions: longer than the wait for an answer may be, so that
// it is bodies that end by it. A slow one goes on for as long as it moves.
const stallTime = 4 * time.Minute

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// stalling has the connections that dial makes end when they stand still.
func stalling(dial dialFunc, after time.Duration) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallConn{c, after}, nil
	}
}

// stallConn ends its waits when nothing was sent or received for a time. The
// other side may be gone without a word, behind a router that forgot it. An
// upload is no silence, although nothing is received as long as it takes.
type stallConn struct {
	net.Conn
	after time.Duration
}

// Read implements [net.Conn].
func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.moves(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements [net.Conn].
func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.moves(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err == nil {
		err = c.moves() // who waits for an answer began to before it ended
	}
	return n, err
}

// moves begins the time anew.
func (c *stallConn) moves() error { return c.SetDeadline(time.Now().Add(c.after)) }
