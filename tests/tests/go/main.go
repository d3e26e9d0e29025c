// Reads a log with the Go team's own packages: usage check FOLDER VKEY CHECKPOINT [LEAVES [OLDER…]].
//
// LEAVES has a line for each leaf that must be in the log: its place from 0, a space, its bytes in base64.
// Without it the leaves are the numbers 0, 1, 2 … as eight big-endian bytes. Each OLDER is a checkpoint
// that was shown earlier, with which the log must begin.
package main

import (
	"bufio"
	"bytes"
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

// The checkpoint in a file, its signature checked.
func open(path string, verifier note.Verifier) tlog.Tree {
	signed, err := os.ReadFile(path)
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		must(fmt.Errorf("%s: another log", path))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	tree := tlog.Tree{N: size}
	if copy(tree.Hash[:], root) != len(tree.Hash) {
		must(fmt.Errorf("%s: a short root", path))
	}
	return tree
}

// RFC 6962; this version of tlog has another root of nothing.
func treeHash(size int64, reader tlog.HashReader) tlog.Hash {
	if size == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	whole, err := tlog.TreeHash(size, reader)
	must(err)
	return whole
}

// That a leaf stands at a place.
func checkLeaf(tree tlog.Tree, reader tlog.HashReader, n int64, leaf []byte) {
	proof, err := tlog.ProveRecord(tree.N, n, reader)
	must(err)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(leaf)))
}

func main() {
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	tree := open(os.Args[3], verifier)
	reader := tlog.TileHashReader(tree, tiles{os.Args[1]})
	if treeHash(tree.N, reader) != tree.Hash {
		must(fmt.Errorf("another root"))
	}
	if len(os.Args) > 4 {
		named(tree, reader, os.Args[4])
		for _, path := range os.Args[5:] {
			began(tree, reader, open(path, verifier))
		}
		return
	}
	numbers(tree, reader)
}

// Each leaf that a file names.
func named(tree tlog.Tree, reader tlog.HashReader, path string) {
	listed, err := os.ReadFile(path)
	must(err)
	lines := bufio.NewScanner(bytes.NewReader(listed))
	count := 0
	for lines.Scan() {
		place, text, found := strings.Cut(lines.Text(), " ")
		if !found {
			must(fmt.Errorf("an odd line: %s", lines.Text()))
		}
		n, err := strconv.ParseInt(place, 10, 64)
		must(err)
		leaf, err := base64.StdEncoding.DecodeString(text)
		must(err)
		checkLeaf(tree, reader, n, leaf)
		count++
	}
	must(lines.Err())
	fmt.Println(count)
}

// That the log begins with an older one.
func began(tree tlog.Tree, reader tlog.HashReader, old tlog.Tree) {
	if old.N == 0 {
		if old.Hash != treeHash(0, reader) {
			must(fmt.Errorf("another root of nothing"))
		}
		return
	}
	proof, err := tlog.ProveTree(tree.N, old.N, reader)
	must(err)
	must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
}

func numbers(tree tlog.Tree, reader tlog.HashReader) {
	step := int64(1)
	if tree.N > 1000 {
		step = 97
	}
	for n := int64(0); n < tree.N; n += step {
		var leaf [8]byte
		binary.BigEndian.PutUint64(leaf[:], uint64(n))
		checkLeaf(tree, reader, n, leaf[:])
	}
	for _, old := range []int64{1, 2, 255, 256, 257, 65536, tree.N} {
		if old < 1 || old > tree.N {
			continue
		}
		began(tree, reader, tlog.Tree{N: old, Hash: treeHash(old, reader)})
	}
}
