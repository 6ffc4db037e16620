// Package azurite starts Azurite, the official Blob Storage emulator, for
// tests:
//
//	server := azurite.Start(t)
//	store, err := blobstore.New(blobstore.Options{
//		URL:              server.ContainerURL(t),
//		ConnectionString: server.ConnectionString,
//	})
//
// A server takes a second or two to start and keeps everything in memory;
// tests of one package best share one, as subtests, each with a container of
// its own. It listens on a free port of 127.0.0.1 and ends with the test that
// started it.
//
// The emulator is looked for as azurite-blob or azurite on the PATH
// (`npm install -g azurite@3.37.0`), then through npx if it is in npx's cache;
// where [testenv.NoSkip] is set, npx may download it. Without it the test is
// skipped.
package azurite
