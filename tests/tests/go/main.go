// Reads a log with the Go team's own packages: usage check FOLDER VKEY CHECKPOINT. The leaves are
// the numbers 0, 1, 2 … as eight big-endian bytes.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ folder string }

func (t tiles) Height() int                         { return 8 }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range list {
		// Go's paths carry the height; C2SP's do not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	signed, err := os.ReadFile(os.Args[3])
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	reader := tlog.TileHashReader(tree, tiles{os.Args[1]})
	whole := tlog.Hash(sha256.Sum256(nil)) // RFC 6962; this version of tlog has another one
	if size > 0 {
		whole, err = tlog.TreeHash(size, reader)
		must(err)
	}
	if whole != tree.Hash {
		must(fmt.Errorf("another root"))
	}
	step := int64(1)
	if size > 1000 {
		step = 97
	}
	for n := int64(0); n < size; n += step {
		var leaf [8]byte
		binary.BigEndian.PutUint64(leaf[:], uint64(n))
		proof, err := tlog.ProveRecord(size, n, reader)
		must(err)
		must(tlog.CheckRecord(proof, size, tree.Hash, n, tlog.RecordHash(leaf[:])))
	}
	for _, old := range []int64{1, 2, 255, 256, 257, 65536, size} {
		if old < 1 || old > size {
			continue
		}
		before, err := tlog.TreeHash(old, reader)
		must(err)
		proof, err := tlog.ProveTree(size, old, reader)
		must(err)
		must(tlog.CheckTree(proof, size, tree.Hash, old, before))
	}
}
