// What ONNX Runtime and CUDA read from the environment of the process before they are loaded. Imported for that alone,
// on the main thread too: what a worker thread sets, the libraries do not see.

// Since 1.29 it reports to its maker which models run where, on Linux and macOS, unless told not to.
process.env.ORT_DISABLE_TELEMETRY = '1';

// Since Ampere CUDA rounds the factors of a product to ten bits, unless told not to: 0.002 off the golden answers,
// measured. Of its options ONNX Runtime's Node binding passes on the device alone, so that this is the only way.
process.env.NVIDIA_TF32_OVERRIDE ??= '0';
