#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "pairloom/answer_text.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using pairloom::AnswerColumn;
using pairloom::AnswerLayout;

namespace {

// Of shape (n_rows, width).
using Numbers = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> as_numbers(const Numbers& array) {
  return {static_cast<const T*>(array.data()), array.size()};
}

AnswerColumn as_column(const Numbers& array, std::size_t n_rows, std::string lead, bool is_list) {
  if (array.shape(0) != n_rows) throw nb::value_error("every column must have n_rows rows");
  AnswerColumn column{{}, array.shape(1), std::move(lead), is_list};
  if (array.dtype() == nb::dtype<float>()) {
    column.numbers = as_numbers<float>(array);
  } else if (array.dtype() == nb::dtype<double>()) {
    column.numbers = as_numbers<double>(array);
  } else if (array.dtype() == nb::dtype<std::int64_t>()) {
    column.numbers = as_numbers<std::int64_t>(array);
  } else {
    throw nb::type_error("columns must be float32, float64 or int64");
  }
  return column;
}

nb::bytes format_answers(const std::vector<Numbers>& arrays, std::size_t n_rows, const std::vector<std::string>& leads,
                         const std::vector<bool>& is_list, const AnswerLayout& layout) {
  if (leads.size() != arrays.size() || is_list.size() != arrays.size()) {
    throw nb::value_error("every column must have a lead and say whether it is a list");
  }
  std::vector<AnswerColumn> columns;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    columns.push_back(as_column(arrays[i], n_rows, leads[i], is_list[i]));
  }
  pairloom::GrowingArray<char> text;
  {
    const nb::gil_scoped_release release;
    text = pairloom::format_answers(columns, n_rows, layout);
  }
  return nb::bytes(text.data(), text.size());
}

}  // namespace

void bind_answers(nb::module_& m) {
  nb::class_<AnswerLayout>(m, "AnswerLayout", "The text around the numbers of answers.")
      .def(
          "__init__",
          [](AnswerLayout* layout, std::string begin, std::string row_begin, std::string row_end,
             std::string row_separator, std::string end, std::string list_begin, std::string list_separator,
             std::string list_end) {
            new (layout) AnswerLayout{std::move(begin),         std::move(row_begin), std::move(row_end),
                                      std::move(row_separator), std::move(end),       std::move(list_begin),
                                      std::move(list_separator), std::move(list_end)};
          },
          nb::kw_only(), "begin"_a = "", "row_begin"_a = "", "row_end"_a = "", "row_separator"_a = "", "end"_a = "",
          "list_begin"_a = "", "list_separator"_a = "", "list_end"_a = "");
  m.def("format_answers", &format_answers, "columns"_a, nb::kw_only(), "n_rows"_a, "leads"_a, "is_list"_a, "layout"_a,
        nb::sig("def format_answers(columns: Sequence[NDArray[Any]], *, n_rows: int, leads: Sequence[str], "
                "is_list: Sequence[bool], layout: AnswerLayout) -> bytes"));
}
