// SPDX-License-Identifier: Apache-2.0

// A log that Kiln keeps, read by the Go project's own notes and tile client:
//
//	tlogjudge DIR OLD-CHECKPOINT VKEY
//
// exits 1 with the reason when checkpoint, tiles, a record or the growth from the old checkpoint
// does not hold.
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ dir string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		// The checksum database keeps the height in its paths; tlog-tiles does not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func open(path, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	text, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	copy(tree.Hash[:], root)
	return tree, err
}

func entry(dir string, index, size int64) ([]byte, error) {
	n, path := index/256, ""
	if size-n*256 < 256 {
		path = fmt.Sprintf(".p/%d", size-n*256)
	}
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("tile/entries/%03d%s", n, path)))
	if err != nil {
		return nil, err
	}
	for i := int64(0); ; i++ {
		length := int(data[0])<<8 | int(data[1])
		if i == index%256 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}

func judge(dir, old, vkey string) error {
	tree, err := open(filepath.Join(dir, "checkpoint"), vkey)
	if err != nil {
		return err
	}
	before, err := open(old, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{dir})
	for i := int64(0); i < tree.N; i += 1 + tree.N/97 {
		data, err := entry(dir, i, tree.N)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(data)); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	growth, err := tlog.ProveTree(tree.N, before.N, reader)
	if err != nil {
		return err
	}
	return tlog.CheckTree(growth, tree.N, tree.Hash, before.N, before.Hash)
}

func main() {
	if err := judge(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("it holds")
}
