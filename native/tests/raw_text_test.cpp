#include "pairloom/raw_text.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "pairloom/hashing.hpp"

namespace {

using Integers = std::vector<std::int64_t>;

// Rows end to end; '/' ends a row.
struct Rows {
  explicit Rows(const std::string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t stop = text.find('/', begin);
      starts.push_back(static_cast<std::int64_t>(data.size()));
      data += text.substr(begin, stop - begin);
      ends.push_back(static_cast<std::int64_t>(data.size()));
      begin = stop + 1;
    }
  }
  pairloom::StringKeys keys() const { return {starts, ends, data.data(), {}}; }

  Integers starts, ends;
  std::string data;
};

std::vector<std::string> pieces_of(const Rows& rows, const std::string& separator, Integers* indptr = nullptr) {
  const pairloom::Pieces pieces = pairloom::split(rows.keys(), separator);
  std::vector<std::string> items;
  for (std::size_t i = 0; i < pieces.starts.size(); ++i) {
    items.push_back(rows.data.substr(static_cast<std::size_t>(pieces.starts[i]),
                                     static_cast<std::size_t>(pieces.ends[i] - pieces.starts[i])));
  }
  if (indptr != nullptr) *indptr = pieces.indptr;
  return items;
}

void test_split() {
  Integers indptr;
  const Rows rows("Adventure|Comedy/Drama//| a b | \t|/x/");
  CHECK((pieces_of(rows, "|", &indptr) == std::vector<std::string>{"Adventure", "Comedy", "Drama", "a b", "x"}));
  CHECK(indptr == (Integers{0, 2, 3, 3, 4, 5}));
  CHECK((pieces_of(Rows("a::b:c::/"), "::") == std::vector<std::string>{"a", "b:c"}));
  CHECK(pieces_of(Rows("::/"), "::").empty());
}

pairloom::HashedText hashed(const std::string& text, pairloom::NgramSizes sizes, bool lowercase = true) {
  return pairloom::hash_text(Rows(text).keys(), sizes, lowercase, 7, 1U << 30);
}

std::int32_t bucket(std::uint64_t hash) {
  return static_cast<std::int32_t>(pairloom::hash_bucket(hash, 1U << 30));
}

void test_words() {
  using pairloom::hash_bytes;
  using pairloom::mix;
  const std::uint64_t the = hash_bytes("the", 7);
  const std::uint64_t end = hash_bytes("end", 7);
  const std::uint64_t again = hash_bytes("again", 7);
  const auto words = hashed("The end,//again. The END/", {1, 1, 0, 0});
  CHECK(words.indptr == (Integers{0, 2, 2, 5}));
  CHECK((words.buckets == std::vector<std::int32_t>{bucket(the), bucket(end), bucket(again), bucket(the), bucket(end)}));
  const auto longer = hashed("the end again/", {2, 3, 0, 0});
  const std::uint64_t pair = mix(mix(the) ^ end);
  CHECK((longer.buckets == std::vector<std::int32_t>{bucket(pair), bucket(mix(pair ^ again)), bucket(mix(mix(end) ^ again))}));
  CHECK((hashed("END/", {1, 1, 0, 0}, false).buckets == std::vector<std::int32_t>{bucket(hash_bytes("END", 7))}));
}

void test_characters() {
  using pairloom::hash_bytes;
  const auto runs = hashed("\xc3\xa9t\xc3\xa9/", {0, 0, 3, 4});
  std::vector<std::int32_t> expected;
  for (const char* run : {"<\xc3\xa9t", "<\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9>", "t\xc3\xa9>"}) {
    expected.push_back(bucket(hash_bytes(run, 8)));
  }
  CHECK(runs.buckets == expected);
  CHECK(hashed("a/", {0, 0, 4, 9}).buckets.empty());
  CHECK(hashed("\x80\xff\xc3/", {0, 0, 1, 2}).buckets.size() == 7);  // not UTF-8: taken as <80 ff c3 >
}

}  // namespace

int main() {
  test_split();
  test_words();
  test_characters();
}
