//! Strided views of storage, as arithmetic: transposes, broadcasts, slices and reshapes are ways of reading a
//! value and no work. Everything here happens once, when a program is prepared.

/// Elements of a storage: element `[i, j, ..]` lies at `offset + i * stride[0] + j * stride[1] + ..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub offset: usize,
    pub size: Vec<usize>,
    pub stride: Vec<usize>,
}

impl View {
    /// Row after row, without gaps.
    pub fn contiguous(offset: usize, size: &[usize]) -> View {
        let mut stride = vec![1; size.len()];
        for axis in (1..size.len()).rev() {
            stride[axis - 1] = stride[axis] * size[axis].max(1);
        }
        View { offset, size: size.to_vec(), stride }
    }

    pub fn elements(&self) -> usize {
        self.size.iter().product()
    }

    pub fn is_contiguous(&self) -> bool {
        let plain = View::contiguous(self.offset, &self.size);
        (0..self.size.len()).all(|i| self.size[i] == 1 || self.stride[i] == plain.stride[i])
    }

    pub fn permute(&self, order: &[usize]) -> View {
        View {
            offset: self.offset,
            size: order.iter().map(|&axis| self.size[axis]).collect(),
            stride: order.iter().map(|&axis| self.stride[axis]).collect(),
        }
    }

    /// Repeats along the listed axes of the result.
    pub fn expand(&self, axes: &[usize], size: &[usize]) -> View {
        let mut own = self.stride.iter();
        let stride = (0..size.len())
            .map(|axis| if axes.contains(&axis) { 0 } else { own.next().copied().unwrap_or(0) })
            .collect();
        View { offset: self.offset, size: size.to_vec(), stride }
    }

    pub fn slice(&self, axis: usize, start: usize, length: usize) -> View {
        let mut view = self.clone();
        view.offset += start * view.stride[axis];
        view.size[axis] = length;
        view
    }

    /// The windows of an axis: their number in its place, and a new last axis of their elements.
    pub fn unfold(&self, axis: usize, size: usize, stride: usize, dilation: usize) -> View {
        let mut view = self.clone();
        let reach = (size - 1) * dilation + 1;
        view.size[axis] = (self.size[axis] - reach) / stride + 1;
        view.stride[axis] = self.stride[axis] * stride;
        view.size.push(size);
        view.stride.push(self.stride[axis] * dilation);
        view
    }

    /// The same elements in the same order under another shape, if strides can say it.
    pub fn reshape(&self, size: &[usize]) -> Option<View> {
        if self.elements() != size.iter().product::<usize>() {
            return None;
        }
        if self.elements() == 0 {
            return Some(View::contiguous(self.offset, size));
        }
        // Axes that run into one another hold one row of equally spaced elements.
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (&size, &stride) in self.size.iter().zip(&self.stride).filter(|(size, _)| **size != 1) {
            match rows.last_mut() {
                Some(row) if row.1 == stride * size => *row = (row.0 * size, stride),
                _ => rows.push((size, stride)),
            }
        }
        let mut rows = rows.into_iter();
        let mut stride = vec![1; size.len()];
        let mut left = (1, 1);
        for axis in (0..size.len()).filter(|&axis| size[axis] != 1) {
            if left.0 == 1 {
                left = rows.next()?;
            }
            if left.0 % size[axis] != 0 {
                return None;
            }
            left.0 /= size[axis];
            stride[axis] = left.0 * left.1;
        }
        Some(View { offset: self.offset, size: size.to_vec(), stride })
    }

    /// The listed axes as one, in that order, or `None` if they do not run into one another.
    pub fn merged(&self, axes: &[usize]) -> Option<(usize, usize)> {
        let mut result: Option<(usize, usize)> = None;
        for &axis in axes.iter().rev().filter(|&&axis| self.size[axis] != 1) {
            result = match result {
                None => Some((self.size[axis], self.stride[axis])),
                Some((size, stride)) if self.stride[axis] == stride * size => Some((size * self.size[axis], stride)),
                Some(_) => return None,
            };
        }
        Some(result.unwrap_or((1, 1)))
    }
}

/// As libtorch takes sizes and strides.
pub fn signed(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&value| value as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_one_another() {
        assert_eq!(View::contiguous(5, &[2, 3, 4]).stride, [12, 4, 1]);
        assert!(View::contiguous(0, &[3, 1, 2]).is_contiguous());
        assert!(!View::contiguous(0, &[3, 2]).permute(&[1, 0]).is_contiguous());
    }

    #[test]
    fn reshapes_are_views_where_strides_can_say_it() {
        let plain = View::contiguous(0, &[6, 4]);
        assert_eq!(plain.reshape(&[2, 3, 4]).unwrap().stride, [12, 4, 1]);
        assert_eq!(plain.reshape(&[24]).unwrap().stride, [1]);
        assert_eq!(plain.reshape(&[1, 24, 1]).unwrap().size, [1, 24, 1]);
        let turned = plain.permute(&[1, 0]);
        assert_eq!(turned.reshape(&[24]), None);
        assert_eq!(turned.reshape(&[2, 2, 6]).unwrap().stride, [2, 1, 4]);
        let part = plain.slice(1, 1, 2);
        assert_eq!(part.reshape(&[12]), None);
        assert_eq!(part.reshape(&[3, 2, 2]).unwrap().stride, [8, 4, 1]);
        let one = View::contiguous(3, &[1]);
        assert_eq!(one.reshape(&[]).unwrap().size.len(), 0);
        assert_eq!(View::contiguous(0, &[]).reshape(&[1, 1]).unwrap().size, [1, 1]);
        let ones = View::contiguous(0, &[2, 3]).permute(&[1, 0]).reshape(&[3, 1, 2, 1]).unwrap();
        assert_eq!((ones.stride[0], ones.stride[2]), (1, 3));
        assert_eq!(ones.reshape(&[3, 2]).unwrap().stride, [1, 3]);
    }

    #[test]
    fn windows_overlap() {
        let plain = View::contiguous(3, &[2, 7]);
        let windows = plain.unfold(1, 3, 2, 1);
        assert_eq!((windows.offset, windows.size, windows.stride), (3, vec![2, 3, 3], vec![7, 2, 1]));
        let wide = plain.unfold(1, 3, 1, 2);
        assert_eq!((wide.size, wide.stride), (vec![2, 3, 3], vec![7, 1, 2]));
        let rows = plain.unfold(0, 1, 1, 1);
        assert_eq!((rows.size, rows.stride), (vec![2, 7, 1], vec![7, 1, 7]));
    }

    #[test]
    fn repeated_axes_do_not_move() {
        let row = View::contiguous(0, &[3]).expand(&[0], &[5, 3]);
        assert_eq!(row.stride, [0, 1]);
        assert_eq!(row.reshape(&[15]), None);
        assert_eq!(row.merged(&[1]), Some((3, 1)));
        assert_eq!(row.merged(&[0, 1]), None);
    }

    #[test]
    fn axes_merge_in_the_order_asked_for() {
        let plain = View::contiguous(0, &[2, 3, 4]);
        assert_eq!(plain.merged(&[0, 1]), Some((6, 4)));
        assert_eq!(plain.merged(&[1, 0]), None);
        assert_eq!(plain.merged(&[]), Some((1, 1)));
    }
}
