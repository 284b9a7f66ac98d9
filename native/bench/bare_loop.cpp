// The limit to hold training speed against: one thread of logistic SGD on rows of 39 ones with 16 factors, no library
// around it. Compile with -O3 -march=native -ffast-math, run with a file of int32 columns, a file of float32 labels and
// the number of rows; prints rows per second of the best of four passes.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

typedef float Vector __attribute__((vector_size(64)));

constexpr std::size_t n_fields = 39, n_features = 1'000'000, k = 16, stride = 32, ahead = 2;

template <typename T>
std::vector<T> read(const char* path, std::size_t n) {
  std::vector<T> values(n);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rb"), std::fclose);
  if (!file || std::fread(values.data(), sizeof(T), n, file.get()) != n) {
    std::fprintf(stderr, "cannot read %zu values from %s\n", n, path);
    std::exit(1);
  }
  return values;
}

double pass(const std::vector<int>& columns, const std::vector<float>& labels, float* table, float& bias) {
  const auto begin = std::chrono::steady_clock::now();
  constexpr float rate = 0.01F;
  for (std::size_t r = 0; r + ahead < labels.size(); ++r) {
    const int* row = &columns[r * n_fields];
    for (std::size_t f = 0; f < n_fields; ++f) {
      const float* next = table + static_cast<std::size_t>(row[ahead * n_fields + f]) * stride;
      __builtin_prefetch(next, 1);
      __builtin_prefetch(next + 16, 1);
    }
    Vector sums = {}, squares = {};
    float score = bias;
    for (std::size_t f = 0; f < n_fields; ++f) {
      const float* v = table + static_cast<std::size_t>(row[f]) * stride;
      const Vector factors = *reinterpret_cast<const Vector*>(v);
      sums += factors;
      squares += factors * factors;
      score += v[k];
    }
    float crossed = 0;
    const Vector crosses = sums * sums - squares;
    for (std::size_t j = 0; j < k; ++j) crossed += crosses[j];
    const float gradient = 1.0F / (1.0F + std::exp(-(score + 0.5F * crossed))) - labels[r];
    const float push = rate * gradient, keep = 1.0F + push;
    bias -= push;
    for (std::size_t f = 0; f < n_fields; ++f) {
      float* v = table + static_cast<std::size_t>(row[f]) * stride;
      *reinterpret_cast<Vector*>(v) = *reinterpret_cast<Vector*>(v) * keep - sums * push;
      v[k] -= push;
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bare_loop COLUMNS LABELS N_ROWS\n");
    return 2;
  }
  const std::size_t n_rows = std::strtoull(argv[3], nullptr, 10);
  const auto columns = read<int>(argv[1], n_rows * n_fields);
  const auto labels = read<float>(argv[2], n_rows);
  std::unique_ptr<float, void (*)(void*)> table(
      static_cast<float*>(std::aligned_alloc(std::size_t{2} << 20, (n_features * stride * 4 + (2 << 20) - 1) >> 21 << 21)),
      std::free);
#if defined(__linux__)
  madvise(table.get(), n_features * stride * 4, MADV_HUGEPAGE);
#endif
  for (std::size_t i = 0; i < n_features * stride; ++i) {
    table.get()[i] = i % stride < k ? 0.06F * (static_cast<float>(std::rand()) / static_cast<float>(RAND_MAX) - 0.5F) : 0;
  }
  float bias = 0;
  double best = 1e9;
  for (int repeat = 0; repeat < 4; ++repeat) best = std::fmin(best, pass(columns, labels, table.get(), bias));
  std::printf("%.0f\n", static_cast<double>(n_rows) / best);
}
