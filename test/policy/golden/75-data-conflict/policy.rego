package org

regions := ["eu"]
