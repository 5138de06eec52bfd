// Keeps ONNX Runtime from reporting to its maker which models run where: since 1.29 it does on Linux and macOS, unless
// this is in the environment of the process before the library is loaded. Imported for that alone, on the main thread
// too: what a worker thread sets, the library does not see.
process.env.ORT_DISABLE_TELEMETRY = '1';
